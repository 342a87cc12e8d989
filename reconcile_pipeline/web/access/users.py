"""stub"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def rank(self):
        return list(Role).index(self)

    def __ge__(self, other):
        return self.rank >= other.rank


@dataclass(frozen=True)
class User:
    name: str
    role: Role
    how: str
