"""What the documentation says about the lists of Pulseway PSA: it is Kaseya BMS by another name."""

from dataclasses import replace

from contracts_bench.facts_kaseya_bms import FACTS as TWIN

FACTS = replace(TWIN, is_twin=True)
