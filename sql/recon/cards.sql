-- Grain: one card per PSA company and service group. Key: card_id.
-- Inputs: core.*, map.*, recon.counts; recon.cards of earlier periods. Parameter: $period.
-- qty_vendor is null unless a complete pull lists a mapped account at a vendor that feeds the group:
-- unknown is never zero. Only the usage leg is compared; what was purchased or invoiced by the vendor
-- stands beside it. qty_delta = qty_vendor - qty_psa, defined here and nowhere else.

with pulls as (
    select
        pulls.pull_id,
        pulls.system,
        pulls.role,
        pulls.finished_at,
        pulls.is_stale,
        pulls.is_grace
    from core.pulls as pulls
    where pulls.period = $period and pulls.is_evidence
),

psa as (
    select
        max(pulls.system) as system,
        max(pulls.finished_at) as finished_at,
        max(case when pulls.is_stale then 1 else 0 end) = 1 as is_stale,
        max(case when pulls.is_grace then 1 else 0 end) = 1 as is_grace
    from pulls
    where pulls.role = 'psa'
),

companies as (
    select
        companies.company_id,
        companies.name
    from core.companies as companies
    inner join pulls on companies.pull_id = pulls.pull_id
    where companies.excluded_reason is null
),

product_groups as (
    select
        groups.member_id as product_id,
        groups.service_group_id,
        groups.service_name
    from map.service_groups as groups
    where groups.period = $period and groups.member_kind = 'product'
),

lines as (
    select
        agreement_lines.line_id,
        agreement_lines.company_id,
        coalesce(product_groups.service_group_id, concat('product:', agreement_lines.product_id))
            as service_group_id,
        coalesce(product_groups.service_name, agreement_lines.description, agreement_lines.product_id)
            as service_name,
        agreement_lines.qty,
        agreement_lines.qty_included,
        agreement_lines.unit_price,
        agreement_lines.currency,
        agreement_lines.effective_on,
        agreement_lines.units_from,
        agreement_lines.invoiced_on
    from core.agreement_lines as agreement_lines
    inner join pulls on agreement_lines.pull_id = pulls.pull_id
    left join product_groups on agreement_lines.product_id = product_groups.product_id
    where agreement_lines.excluded_reason is null
),

line_sums as (
    select
        lines.company_id,
        lines.service_group_id,
        sum(lines.qty) as qty_psa,
        sum(lines.qty_included) as qty_included,
        max(lines.units_from) as units_from,
        min(lines.invoiced_on) as invoiced_on,
        array_to_string(
            list_sort(list(concat(lines.line_id, ':', lines.qty, ':', lines.qty_included))), ','
        ) as fingerprint
    from lines
    group by lines.company_id, lines.service_group_id
),

-- The price of the line that would be changed: the one with the latest effective date.
line_prices as (
    select
        lines.company_id,
        lines.service_group_id,
        lines.service_name,
        lines.unit_price,
        lines.currency
    from lines
    qualify row_number() over (
        partition by lines.company_id, lines.service_group_id
        order by coalesce(lines.effective_on, date '0001-01-01') desc, lines.line_id desc
    ) = 1
),

only_currency as (
    select max(lines.currency) as currency
    from lines
    having count(distinct lines.currency) = 1
),

-- A product that is sold alone in its group gives new revenue its price.
group_prices as (
    select
        product_groups.service_group_id,
        max(products.unit_price) as unit_price
    from product_groups
    inner join core.products as products on product_groups.product_id = products.product_id
    inner join pulls on products.pull_id = pulls.pull_id
    group by product_groups.service_group_id
    having count(*) = 1
),

linked_groups as (
    select distinct product_groups.service_group_id
    from map.services as services
    inner join product_groups on services.product_id = product_groups.product_id
    where services.period = $period and services.state = 'mapped'
),

feeds as (
    select
        services.system,
        services.service_id,
        product_groups.service_group_id,
        max(product_groups.service_name) as service_name,
        max(services.multiplier) as multiplier,
        max(services.rule) as rule
    from map.services as services
    inner join product_groups on services.product_id = product_groups.product_id
    where
        services.period = $period
        and services.state = 'mapped'
        and services.leg = 'usage'
        and services.is_countable
    group by services.system, services.service_id, product_groups.service_group_id
),

feeding_systems as (
    select
        feeds.service_group_id,
        feeds.system,
        max(feeds.service_name) as service_name
    from feeds
    group by feeds.service_group_id, feeds.system
),

accounts as (
    select
        accounts.system,
        accounts.account_id,
        accounts.company_id,
        accounts.is_listed
    from map.accounts as accounts
    where accounts.period = $period and accounts.state = 'mapped'
),

account_systems as (
    select
        accounts.company_id,
        accounts.system,
        max(case when accounts.is_listed then 1 else 0 end) as is_listed
    from accounts
    group by accounts.company_id, accounts.system
),

counts as (
    select
        counts.company_id,
        counts.service_group_id,
        counts.leg,
        counts.qty_latest,
        counts.qty_highest,
        counts.qty_counted,
        counts.equation <> regexp_replace(cast(counts.qty_counted as varchar), '\.?0+$', '') as has_steps,
        counts.equation,
        counts.service_name,
        counts.system,
        counts.service_id,
        regexp_replace(cast(counts.qty_counted as varchar), '\.?0+$', '') as counted_text
    from recon.counts as counts
    where counts.period = $period
),

told_counts as (
    select
        counts.*,
        counts.qty_counted <> 0 or counts.has_steps as is_told
    from counts
),

used as (
    select
        counts.company_id,
        counts.service_group_id,
        sum(counts.qty_counted) as qty_vendor,
        sum(case when counts.qty_latest <> 0 or counts.qty_highest <> 0 then 1 else 0 end) as records,
        case
            when sum(case when counts.is_told then 1 else 0 end) = 1
                then max(case when counts.is_told and counts.has_steps then counts.equation end)
            when sum(case when counts.is_told then 1 else 0 end) > 1
                then concat(
                    string_agg(
                        case
                            when counts.is_told
                                then concat(
                                    counts.counted_text, ' (', counts.service_name,
                                    case
                                        when counts.has_steps then concat(': ', counts.equation)
                                        else ''
                                    end,
                                    ')'
                                )
                        end,
                        ' + '
                        order by counts.system, counts.service_id
                    ),
                    ' = ', regexp_replace(cast(sum(counts.qty_counted) as varchar), '\.?0+$', '')
                )
        end as equation
    from told_counts as counts
    where counts.leg = 'usage'
    group by counts.company_id, counts.service_group_id
),

other_legs as (
    select
        counts.company_id,
        counts.service_group_id,
        sum(case when counts.leg = 'purchased' then counts.qty_counted end) as qty_purchased,
        sum(case when counts.leg = 'invoiced' then counts.qty_counted end) as qty_vendor_invoiced
    from counts
    where counts.leg <> 'usage'
    group by counts.company_id, counts.service_group_id
),

-- What a vendor has and does not tell: a count left out without a quantity, an account missing from a list
-- that tells only a part, or one that the vendor could not be asked about.
untold as (
    select
        accounts.company_id,
        feeds.service_group_id
    from core.left_out as left_out
    inner join pulls on left_out.pull_id = pulls.pull_id
    inner join accounts
        on
            left_out.system = accounts.system
            and left_out.account_id = accounts.account_id
            and accounts.is_listed
    inner join feeds on left_out.system = feeds.system and left_out.service_id = feeds.service_id
    where left_out.qty is null

    union

    select
        accounts.company_id,
        feeds.service_group_id
    from accounts
    inner join feeds on accounts.system = feeds.system
    inner join core.services as services
        on feeds.system = services.system and feeds.service_id = services.service_id
    inner join pulls on services.pull_id = pulls.pull_id
    left join core.usage as usage
        on
            services.pull_id = usage.pull_id
            and accounts.account_id = usage.account_id
            and services.service_id = usage.service_id
    where accounts.is_listed and services.is_absence_unknown and usage.account_id is null

    union

    -- An account that the vendor could not be asked about: its company's others are not the whole count.
    select
        accounts.company_id,
        feeds.service_group_id
    from accounts
    inner join core.accounts as asked
        on accounts.system = asked.system and accounts.account_id = asked.account_id
    inner join pulls on asked.pull_id = pulls.pull_id
    inner join feeds on accounts.system = feeds.system
    where asked.excluded_reason = 'not_ready'
),

pairs as (
    select
        line_sums.company_id,
        line_sums.service_group_id
    from line_sums

    union

    select
        used.company_id,
        used.service_group_id
    from used
    where used.records > 0
),

-- Which accounts and services a count rests on: mapping one of them otherwise is another question.
account_prints as (
    select
        accounts.company_id,
        feeding_systems.service_group_id,
        array_to_string(list_sort(list(concat(accounts.system, '/', accounts.account_id))), ',') as print
    from accounts
    inner join feeding_systems on accounts.system = feeding_systems.system
    inner join pairs
        on
            accounts.company_id = pairs.company_id
            and feeding_systems.service_group_id = pairs.service_group_id
    group by accounts.company_id, feeding_systems.service_group_id
),

feed_prints as (
    select
        feeds.service_group_id,
        array_to_string(
            list_sort(list(concat(
                feeds.system, '/', feeds.service_id, '*', feeds.multiplier,
                case when feeds.rule is not null then concat('#', feeds.rule) else '' end
            ))), ','
        ) as print
    from feeds
    group by feeds.service_group_id
),

-- What is known about the vendors' side of each pair.
vendor_side as (
    select
        pairs.company_id,
        pairs.service_group_id,
        max(feeding_systems.service_name) as service_name,
        count(feeding_systems.system) as feeding,
        sum(case when account_systems.is_listed = 1 and pulls.pull_id is not null then 1 else 0 end)
            as listed,
        sum(case when pulls.pull_id is null and feeding_systems.system is not null then 1 else 0 end)
            as without_pull,
        max(case when account_systems.is_listed = 1 and pulls.is_stale then 1 else 0 end) as stale,
        max(case when account_systems.is_listed = 1 and pulls.is_grace then 1 else 0 end) as grace,
        min(case when account_systems.is_listed = 1 then pulls.finished_at end) as finished_at,
        max(case
            when account_systems.company_id is not null and account_systems.is_listed = 0 then 1
            else 0
        end) as gone
    from pairs
    left join feeding_systems on pairs.service_group_id = feeding_systems.service_group_id
    left join pulls on feeding_systems.system = pulls.system
    left join account_systems
        on pairs.company_id = account_systems.company_id and feeding_systems.system = account_systems.system
    group by pairs.company_id, pairs.service_group_id
),

compared as (
    select
        psa.system as psa,
        companies.company_id,
        companies.name as company_name,
        vendor_side.service_group_id,
        coalesce(line_prices.service_name, vendor_side.service_name) as service_name,
        line_sums.qty_psa,
        line_sums.qty_included,
        line_sums.fingerprint,
        line_sums.units_from,
        line_sums.invoiced_on,
        case
            when vendor_side.listed > 0 and vendor_side.without_pull = 0 and untold.company_id is null
                then coalesce(used.qty_vendor, 0)
        end as qty_vendor,
        case
            when vendor_side.listed > 0 and vendor_side.without_pull = 0 and untold.company_id is null
                then used.equation
        end as equation,
        other_legs.qty_purchased,
        other_legs.qty_vendor_invoiced,
        case
            when line_sums.company_id is not null then line_prices.unit_price
            else group_prices.unit_price
        end as unit_price,
        coalesce(line_prices.currency, only_currency.currency) as currency,
        linked_groups.service_group_id is not null as is_linked,
        vendor_side.feeding,
        vendor_side.listed,
        left(md5(concat(
            coalesce(account_prints.print, ''), '|', coalesce(feed_prints.print, '')
        )), 12) as mapping_version,
        -- One vendor's count is no answer while another that feeds the group was never read.
        vendor_side.without_pull > 0 as is_incomplete,
        vendor_side.stale = 1 or psa.is_stale as is_stale,
        vendor_side.gone = 1 as is_gone,
        untold.company_id is not null as is_untold,
        vendor_side.grace = 1 or psa.is_grace as is_grace,
        least(coalesce(vendor_side.finished_at, psa.finished_at), psa.finished_at) as evidence_as_of
    from vendor_side
    inner join companies on vendor_side.company_id = companies.company_id
    cross join psa
    left join line_sums
        on
            vendor_side.company_id = line_sums.company_id
            and vendor_side.service_group_id = line_sums.service_group_id
    left join line_prices
        on
            vendor_side.company_id = line_prices.company_id
            and vendor_side.service_group_id = line_prices.service_group_id
    left join used
        on vendor_side.company_id = used.company_id and vendor_side.service_group_id = used.service_group_id
    left join other_legs
        on
            vendor_side.company_id = other_legs.company_id
            and vendor_side.service_group_id = other_legs.service_group_id
    left join untold
        on
            vendor_side.company_id = untold.company_id
            and vendor_side.service_group_id = untold.service_group_id
    left join group_prices on vendor_side.service_group_id = group_prices.service_group_id
    left join linked_groups on vendor_side.service_group_id = linked_groups.service_group_id
    left join account_prints
        on
            vendor_side.company_id = account_prints.company_id
            and vendor_side.service_group_id = account_prints.service_group_id
    left join feed_prints on vendor_side.service_group_id = feed_prints.service_group_id
    left join only_currency on true
),

judged as (
    select
        compared.psa,
        compared.company_id,
        compared.company_name,
        compared.service_group_id,
        compared.service_name,
        compared.qty_psa,
        compared.qty_included,
        compared.qty_vendor,
        compared.qty_vendor - compared.qty_psa as qty_delta,
        compared.equation,
        compared.qty_purchased,
        compared.qty_vendor_invoiced,
        compared.qty_vendor - coalesce(compared.qty_psa, 0) as qty_unbilled,
        compared.unit_price,
        compared.currency,
        compared.fingerprint,
        compared.units_from,
        compared.invoiced_on,
        compared.mapping_version,
        compared.feeding,
        compared.is_gone,
        compared.is_untold,
        compared.is_grace,
        compared.evidence_as_of,
        case
            when not compared.is_linked then 'not_connected'
            when compared.is_incomplete then 'incomplete_evidence'
            when compared.qty_vendor is null then 'no_vendor_figure'
            when compared.is_stale then 'stale_evidence'
            when compared.qty_psa is null and compared.qty_vendor > 0 then 'new_revenue'
            when compared.qty_vendor > coalesce(compared.qty_psa, 0) then 'under_billed'
            when compared.qty_vendor < coalesce(compared.qty_psa, 0) then 'over_billed'
            else 'match'
        end as finding
    from compared
),

named as (
    select
        judged.psa,
        judged.company_id,
        judged.company_name,
        judged.service_group_id,
        judged.service_name,
        judged.finding,
        judged.qty_psa,
        judged.qty_included,
        judged.qty_vendor,
        judged.qty_delta,
        judged.equation,
        judged.qty_purchased,
        judged.qty_vendor_invoiced,
        judged.unit_price,
        judged.currency,
        cast(judged.qty_unbilled * judged.unit_price as decimal(18, 4)) as amount_delta,
        judged.mapping_version,
        judged.evidence_as_of,
        judged.is_grace,
        judged.units_from,
        judged.invoiced_on,
        concat(case
            when judged.equation is not null then concat(' Counted: ', judged.equation, '.')
            else ''
        end, case judged.units_from
            when 'last_invoice'
                then concat(' Invoiced units are those of the last invoice, ', judged.invoiced_on, '.')
            when 'assumed_call'
                then ' Invoiced units come from a call that the PSA does not publish.'
            else ''
        end, case
            when judged.qty_purchased is not null
                then concat(
                    ' Purchased ', regexp_replace(cast(judged.qty_purchased as varchar), '\.?0+$', ''), '.'
                )
            else ''
        end, case
            when judged.qty_vendor_invoiced is not null
                then concat(
                    ' The vendor invoices ',
                    regexp_replace(cast(judged.qty_vendor_invoiced as varchar), '\.?0+$', ''), '.'
                )
            else ''
        end) as source_text,
        judged.feeding,
        judged.is_gone,
        judged.is_untold,
        md5(concat($period, '|', judged.company_id, '|', judged.service_group_id)) as long_id,
        md5(concat(
            judged.finding, '|', coalesce(judged.fingerprint, ''), '|',
            coalesce(cast(judged.qty_vendor as varchar), 'unknown'), '|',
            coalesce(cast(judged.unit_price as varchar), 'unknown'), '|',
            coalesce(judged.currency, 'unknown'), '|', judged.mapping_version
        )) as long_version,
        coalesce(regexp_replace(cast(judged.qty_psa as varchar), '\.?0+$', ''), 'no line') as psa_text,
        coalesce(regexp_replace(cast(judged.qty_vendor as varchar), '\.?0+$', ''), 'unknown') as vendor_text
    from judged
),

-- What earlier months call this company and this group, where another PSA invoiced then.
moved as (
    select
        moved_ids.kind,
        moved_ids.from_system,
        moved_ids.from_id,
        moved_ids.to_id
    from map.moved_ids as moved_ids
    where moved_ids.period = $period
),

earlier as (
    select
        coalesce(companies.to_id, cards.company_id) as company_id,
        coalesce(groups.to_id, cards.service_group_id) as service_group_id,
        cards.finding,
        min(cards.period) as first_seen_period
    from recon.cards as cards
    cross join psa
    left join moved as companies
        on
            companies.kind = 'company'
            and cards.psa = companies.from_system
            and cards.company_id = companies.from_id
    left join moved as groups
        on
            groups.kind = 'group'
            and cards.psa = groups.from_system
            and cards.service_group_id = groups.from_id
    where
        cards.period < $period
        and (cards.psa = psa.system or (companies.to_id is not null and groups.to_id is not null))
    group by
        coalesce(companies.to_id, cards.company_id),
        coalesce(groups.to_id, cards.service_group_id),
        cards.finding
)

select
    $period as period,
    left(named.long_id, 16) as card_id,
    left(named.long_version, 12) as card_version,
    named.psa,
    named.company_id,
    named.company_name,
    named.service_group_id,
    named.service_name,
    named.finding,
    named.qty_psa,
    named.qty_included,
    named.qty_vendor,
    named.qty_delta,
    named.qty_purchased,
    named.qty_vendor_invoiced,
    named.equation,
    named.unit_price,
    named.currency,
    named.amount_delta,
    named.mapping_version,
    named.evidence_as_of,
    named.is_grace as is_grace_evidence,
    named.units_from as psa_units_from,
    named.invoiced_on as psa_invoiced_on,
    concat(case named.finding
        when 'match' then concat('Both sides count ', named.vendor_text, '.')
        when 'under_billed' then concat('Used ', named.vendor_text, ', invoiced ', named.psa_text, '.')
        when 'over_billed' then concat('Invoiced ', named.psa_text, ', used ', named.vendor_text, '.')
        when 'new_revenue' then concat('Used ', named.vendor_text, ', and no line invoices it.')
        when 'not_connected' then concat('Invoiced ', named.psa_text, '; no vendor feeds this product.')
        when 'stale_evidence'
            then concat(
                'Invoiced ', named.psa_text, ', last known use ', named.vendor_text,
                '; the latest pull failed.'
            )
        when 'incomplete_evidence'
            then concat('Invoiced ', named.psa_text, '; a vendor has no complete pull this period.')
        else concat('Invoiced ', named.psa_text, '; ', case
            when named.feeding = 0 then 'mapped only to the version without a term, which has no count.'
            when named.is_untold then 'the vendor does not tell the count of an account.'
            when named.is_gone then 'the vendor does not list the mapped account, or it is inactive.'
            else 'the company has no mapped account at the vendor.'
        end)
    end, named.source_text) as reason,
    case named.finding
        when 'match' then 'Approve.'
        when 'under_billed' then 'Reconcile to invoice what is used, or keep the line with a reason.'
        when 'over_billed' then 'Reconcile to stop invoicing unused units, or keep the line with a reason.'
        when 'new_revenue' then 'Add a line to one of the company''s agreements, or dismiss with a reason.'
        when 'not_connected' then 'Nothing, or map the product to a vendor service.'
        when 'stale_evidence' then 'Mend the failing pull, then decide.'
        when 'incomplete_evidence' then 'Mend the failing pull, then decide.'
        else case
            when named.feeding = 0 then 'Map the product to the vendor service with its billing term.'
            when named.is_untold then 'Look the reason up in the exclusions; a script has to send zeros too.'
            when named.is_gone then 'Reactivate the account at the vendor, or end the line.'
            else 'Map the company''s account at the vendor, or end the line.'
        end
    end as next_step,
    coalesce(earlier.first_seen_period, $period) as first_seen_period
from named
left join earlier
    on
        named.company_id = earlier.company_id
        and named.service_group_id = earlier.service_group_id
        and named.finding = earlier.finding
