-- An empty warehouse in memory whose core is the published one's. Inputs: the catalogue `published`.
-- What sql/map and sql/recon fill is made here; what they only read is looked up there.

create schema core;
create schema map;
create schema recon;

create view core.pulls as from published.core.pulls;
create view core.companies as from published.core.companies;
create view core.agreement_lines as from published.core.agreement_lines;
create view core.products as from published.core.products;
create view core.accounts as from published.core.accounts;
create view core.services as from published.core.services;
create view core.usage as from published.core.usage;
create view core.entities as from published.core.entities;
create view core.left_out as from published.core.left_out;
create view map.usage_by_pull as from published.map.usage_by_pull;

create table map.accounts as from published.map.accounts
where false;
create table map.services as from published.map.services
where false;
create table map.service_groups as from published.map.service_groups
where false;
create table map.moved_ids as from published.map.moved_ids
where false;
create table recon.counts as from published.recon.counts
where false;
create table recon.cards as from published.recon.cards
where false;
