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
)
