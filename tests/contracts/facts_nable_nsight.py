"""What the documentation says about N-able N-sight's one list."""

import xmltodict
from contracts_bench.facts import Facts, ids

from reconcile_pipeline.systems.vendors.nable_nsight_xml import xml_as_json

FACTS = Facts(
    page_size=1,
    size_param=lambda _params: None,
    holds={"clients": lambda world: ids(world.at["nable_nsight"].clients)},
    world_lists={"clients": "nable_nsight.clients"},
    account_of={"clients": "id"},
    child_paths={"clients": "^/api$"},
    empty=b'<result status="OK"><items></items></result>',
    settings={"seconds_between_calls": 0},
    refuses_keys_with=200,
    unpaged="/api",
    decode=lambda body: xml_as_json(body, 0)[1],
    encode=lambda data: xmltodict.unparse(data).encode(),
    without={
        42: "its clients carry counts, and no state",
        19: "its lists hold all accounts: no call is made for one of them",
        33: "its lists hold all accounts: no call is made for one of them",
        20: "its lists come in one piece",
        21: "its lists come in one piece",
        25: "its lists come in one piece",
        26: "its lists come in one piece",
        27: "its lists come in one piece",
    },
)
