"""`/mapping/gaps`: products of the PSA that look like one product under several names."""

from starlette.responses import Response

from reconcile_pipeline.matching.gaps import Product, naming_gaps
from reconcile_pipeline.web.desk import Call
from reconcile_pipeline.web.render import page


def show(call: Call) -> Response:
    """Show the groups, each with the name to standardise on."""
    rows = call.books.ask_once("gaps_products")
    products = [Product(row["product_id"], row["name"], row["lines"]) for row in rows]
    return page(call, "gaps.html", gaps=naming_gaps(products), products=len(products))
