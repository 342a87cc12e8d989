-- Products in use, and how many lines invoice each. Inputs: core.*. Parameter: $period.

select
    products.product_id,
    products.name,
    count(agreement_lines.line_id) as lines
from core.products as products
inner join core.pulls as pulls on products.pull_id = pulls.pull_id
left join core.agreement_lines as agreement_lines
    on products.pull_id = agreement_lines.pull_id and products.product_id = agreement_lines.product_id
where pulls.period = $period and pulls.is_evidence and products.is_active
group by products.product_id, products.name
order by products.name, products.product_id
