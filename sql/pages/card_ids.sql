-- Ids that cards of these customers and services have or had, in every month there is: recon.cards
-- defines an id as this hash, also for a card that a later build of its month no longer has.
-- Inputs: core.pulls. Parameters: $customers, $services.

with periods as (
    select distinct pulls.period
    from core.pulls as pulls
),

customers as (select unnest($customers) as company_id),

services as (select unnest($services) as service_group_id)

select
    left(
        md5(concat(
            periods.period, '|', customers.company_id, '|', services.service_group_id
        )), 16
    ) as card_id
from periods
cross join customers
cross join services
