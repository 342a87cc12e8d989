"""stub"""

from dataclasses import dataclass

from reconcile_pipeline.systems.base import Field

REVIEW_FIELDS = (
    Field(
        "host",
        "Address that `reconcile review` listens on.",
        default="127.0.0.1",
        example="127.0.0.1",
    ),
    Field("port", "Its port; 0 takes a free one.", kind="number", default=8231, example="8231"),
    Field(
        "dagster_url",
        "Where the Dagster UI is served, for links; empty: no links.",
        default="",
        example="http://127.0.0.1:3000",
    ),
    Field(
        "base_url",
        "The address people use, for links in digests and in Dagster.",
        default="",
        example="https://review.yourmsp.example",
    ),
)


@dataclass(frozen=True)
class ReviewSettings:
    host: str = "127.0.0.1"
    port: int = 8231
    dagster_url: str = ""
    base_url: str = ""

    @property
    def address(self):
        return self.base_url.rstrip("/") or f"http://{self.host}:{self.port}"


def read_review(table, values):
    return ReviewSettings(
        str(values["host"]),
        int(values["port"]),
        str(values["dagster_url"]),
        str(values["base_url"]),
    )
