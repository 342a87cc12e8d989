"""The made-up records as DuckDB expressions: one JSON text per record number `i`.

Field lists are those the systems send, so that reading them costs what it costs in earnest.
Everything follows from the record's number: two runs make the same bytes. No files here.
"""

from dataclasses import dataclass

SUBSCRIPTIONS_PER_ACCOUNT = 50
"""Unless told otherwise. More of them are more rows to a card, never more cards of an account."""
LINES_PER_AGREEMENT = 5
PRODUCTS = 400
EXTRA_PRODUCTS = 200
MAPPED_PRODUCTS = 320
EXCLUDED_PRODUCTS = 360
"""Vendor products below the first number are mapped, below the second excluded, else unmapped."""
GONE = 46
"""Of 50 agreements, the number of the cancelled one."""
PSA_PRODUCT = 1000
EXTRA_PRODUCT = 2000

STATUSES = '[{"id":1,"name":"Active","inactiveFlag":false}]'
TYPES = '[{"id":1,"name":"Client","vendorFlag":false}]'
CYCLES = '[{"id":2,"identifier":"M","name":"Monthly","billingOptions":"Monthly"}]'
AGREEMENT_TYPES = '[{"id":5,"name":"Cloud Services","inactiveFlag":false}]'


@dataclass(frozen=True)
class Shape:
    """One list: how many records, how many to a page, and the JSON of record `i`."""

    name: str
    records: int
    page_size: int
    record: str
    """An expression over `i` (record number) and `n` (number of accounts)."""
    path: str
    announces_total: bool = False
    parent: str | None = None
    """Expression of the parent id where each page answers a sub-call."""
    left_out_every: int = 0
    """Each so many-th page is not there: nobody asks for the lines of a cancelled agreement."""

    @property
    def kept(self) -> int:
        """Records on the pages that are there."""
        pages = -(-self.records // self.page_size)
        if not self.left_out_every:
            return self.records
        gone = len(range(GONE, pages, self.left_out_every))
        return self.records - gone * self.page_size

    @property
    def wanted(self) -> str:
        """Condition on `i` that its page is there."""
        if not self.left_out_every:
            return "true"
        return f"(i // {self.page_size}) % {self.left_out_every} <> {GONE}"


def vendor_shapes(rows: int, accounts: int) -> list[Shape]:
    """Pax8: `rows` subscriptions, dealt out to the accounts in turn."""
    return [
        Shape("companies", accounts, 200, _ACCOUNT, "/companies", announces_total=True),
        Shape("subscriptions", rows, 200, _SUBSCRIPTION, "/subscriptions", announces_total=True),
    ]


def psa_shapes(accounts: int) -> list[Shape]:
    """ConnectWise: a company and an agreement for each account, five lines on each agreement."""
    return [
        Shape("companies", accounts, 1000, _COMPANY, "/company/companies"),
        Shape("agreements", accounts, 1000, _AGREEMENT, "/finance/agreements"),
        Shape("catalogue", PRODUCTS + EXTRA_PRODUCTS, 1000, _PRODUCT, "/procurement/catalog"),
        Shape("agreement_scope", accounts, accounts, _SCOPE, "agreement_scope"),
        Shape(
            "additions",
            accounts * LINES_PER_AGREEMENT,
            LINES_PER_AGREEMENT,
            _ADDITION,
            "/finance/agreements/{id}/additions",
            parent=f"(i // {LINES_PER_AGREEMENT}) + 1",
            left_out_every=50,
        ),
    ]


def accounts_for(rows: int, each: int = SUBSCRIPTIONS_PER_ACCOUNT) -> int:
    """How many accounts share the subscriptions."""
    return max(1, rows // each)


def account_id(number: str) -> str:
    """The vendor's id of an account."""
    return f"cast(cast(md5(concat('account', {number})) as uuid) as varchar)"


def product_id(number: str) -> str:
    """The vendor's id of a product."""
    return f"cast(cast(md5(concat('product', {number})) as uuid) as varchar)"


# Neighbours in the list belong to different accounts: lists are not sorted by customer.
_OWNER = "((i * 7919) % n)"
_TURN = "(i // n)"
# Two subscriptions of an account share a product and differ in their term.
VENDOR_PRODUCT = (
    f"(({_OWNER} * 37 + ({_TURN} % {SUBSCRIPTIONS_PER_ACCOUNT} // 2) * 11) % {PRODUCTS})"
)
LINE_PRODUCT = f"""
    case i % {LINES_PER_AGREEMENT} when {LINES_PER_AGREEMENT - 1}
        then {EXTRA_PRODUCT} + (i // {LINES_PER_AGREEMENT}) % {EXTRA_PRODUCTS}
        else {PSA_PRODUCT} + ((i // {LINES_PER_AGREEMENT}) * 37 + (i % {LINES_PER_AGREEMENT}) * 11)
            % {PRODUCTS}
    end"""
_TERM = f"(({_TURN} + {_OWNER}) % 3)"
_DAY = "cast(date '2025-01-01' + cast(i % 600 as integer) as varchar)"

_ACCOUNT = f"""to_json({{
    'id': {account_id("i")}, 'name': concat('Customer ', i), 'address': {{
        'street': '1 Main St', 'city': 'Denver', 'stateOrProvince': 'CO',
        'postalCode': '80210', 'country': 'US'}},
    'website': concat('customer', i, '.example'), 'billOnBehalfOfEnabled': false,
    'selfServiceAllowed': false, 'orderApprovalRequired': false,
    'status': case when i % 50 = 48 then 'Inactive' else 'Active' end,
    'updatedDate': '2026-03-01T11:33:12.314-0600'}})"""

_SUBSCRIPTION = f"""to_json({{
    'id': cast(cast(md5(concat('subscription', i)) as uuid) as varchar),
    'parentSubscriptionId': null,
    'companyId': {account_id(_OWNER)}, 'productId': {product_id(VENDOR_PRODUCT)},
    'vendorSubscriptionId': null, 'quantity': cast(1 + hash(i) % 40 as double),
    'startDate': concat({_DAY}, 'T08:30:00Z'), 'endDate': null,
    'createdDate': concat({_DAY}, 'T13:20:13.153-0700'),
    'updatedDate': concat({_DAY}, 'T03:12:14.453-0300'), 'billingStart': {_DAY},
    'status': case hash(i + 1) % 50 when 0 then 'Cancelled' when 1 then 'Trial'
        when 2 then 'PendingCancel' else 'Active' end,
    'price': 4.0 + i % 30, 'currencyCode': 'USD', 'partnerCost': 3.4 + i % 30,
    'productName': concat('Product ', {VENDOR_PRODUCT}),
    'billingTerm': case {_TERM} when 0 then 'Monthly' when 1 then 'Annual' else 'Monthly' end,
    'commitmentTerm': case when {_TERM} > 0 then {{
        'id': cast(cast(md5(concat('commitment', i)) as uuid) as varchar), 'term': '1-Year',
        'endDate': '2027-06-30T00:00:00Z'}} end}})"""

_REFERENCE = "{'id': i + 1, 'identifier': concat('C', i), 'name': concat('Customer ', i)}"
_CHANGED = "{'lastUpdated': '2026-05-02T08:00:00Z', 'updatedBy': 'jdoe'}"

_COMPANY = """to_json({
    'id': i + 1, 'identifier': concat('C', i), 'name': concat('Customer ', i),
    'status': {'id': 1, 'name': 'Active'}, 'types': [{'id': 1, 'name': 'Client'}],
    'deletedFlag': i % 100 = 97, 'parentCompany': null,
    '_info': {'lastUpdated': '2026-05-02T08:00:00Z'}})"""

_AGREEMENT = f"""to_json({{
    'id': i + 1, 'name': concat('Cloud for customer ', i),
    'type': {{'id': 5, 'name': 'Cloud Services'}}, 'company': {_REFERENCE},
    'contact': {{'id': i * 2, 'name': 'Jane Doe'}}, 'site': {{'id': i * 3, 'name': 'Main'}},
    'parentAgreement': null, 'billToCompany': {_REFERENCE}, 'startDate': '2025-01-01T00:00:00Z',
    'endDate': null, 'noEndingDateFlag': true, 'cancelledFlag': i % 50 = {GONE},
    'dateCancelled': null, 'reasonCancelled': null,
    'billingCycle': {{'id': 2, 'name': 'Monthly'}}, 'billOneTimeFlag': false,
    'oneTimeFlag': false, 'invoicingCycle': 'CalendarYear', 'periodType': 'Current',
    'billAmount': 0.0, 'billStartDate': '2025-01-01T00:00:00Z', 'autoInvoiceFlag': false,
    'prorateFlag': i % 4 = 0, 'invoiceProratedAdditionsFlag': false, 'taxable': true,
    'currency': {{'id': 7, 'name': 'US Dollar'}}, 'agreementStatus': 'Active',
    'customFields': [], '_info': {_CHANGED}}})"""

_SCOPE = f"""to_json({{'agreement_id': cast(i + 1 as varchar),
    'excluded_reason': case when i % 50 = {GONE} then 'cancelled' end}})"""

_PRODUCT_NUMBER = f"""case when i < {PRODUCTS} then {PSA_PRODUCT} + i
    else {EXTRA_PRODUCT} + i - {PRODUCTS} end"""
_PRODUCT = f"""to_json({{
    'id': {_PRODUCT_NUMBER}, 'identifier': concat('P', i), 'description': concat('Product ', i),
    'customerDescription': concat('Product ', i), 'inactiveFlag': false,
    'productClass': 'Service', 'price': 4.0 + i % 30, 'cost': 3.4 + i % 30,
    'recurringFlag': true, 'recurringBillCycle': {{'id': 2, 'name': 'Monthly'}},
    'vendorSku': concat('SKU', i), 'category': {{'id': 4, 'name': 'Services'}},
    '_info': {{'lastUpdated': '2025-05-02T08:00:00Z'}}}})"""

_ADDITION = f"""to_json({{
    'id': i + 1,
    'product': {{'id': {LINE_PRODUCT}, 'identifier': 'P', 'serializedFlag': false}},
    'quantity': cast(1 + hash(i + 2) % 60 as double), 'lessIncluded': 0.0,
    'unitPrice': 4.0 + i % 30, 'unitCost': 3.4 + i % 30,
    'billCustomer': case when hash(i + 3) % 50 = 0 then 'NoCharge' else 'Billable' end,
    'effectiveDate': concat({_DAY}, 'T00:00:00Z'),
    'cancelledDate': case when i % 3 = 0 then '' end, 'taxableFlag': true, 'serialNumber': '',
    'invoiceDescription': 'Licences', 'description': 'Licences', 'purchaseItemFlag': false,
    'specialOrderFlag': false, 'agreementId': (i // {LINES_PER_AGREEMENT}) + 1,
    'billedQuantity': cast(1 + hash(i + 2) % 60 as double), 'uom': 'Each', 'extPrice': 120.5,
    'extCost': 98.25, 'sequenceNumber': 1.0, 'margin': 22.25, 'prorateCost': 0.0,
    'proratePrice': 0.0, 'agreementStatus': 'Active', 'customFields': [],
    '_info': {_CHANGED}}})"""
