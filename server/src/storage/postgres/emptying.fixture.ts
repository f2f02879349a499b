/** Leaves the tables as the migrations do, where there are any: quicker than to make them again for each test. */
export const EMPTYING = `do $$
declare
  names text := (
    select string_agg(quote_ident(tablename), ', ') from pg_tables
    where schemaname = current_schema() and tablename <> 'dimmer_migrations'
  );
begin
  if names is null then return; end if;
  execute 'truncate ' || names || ' restart identity cascade';
  insert into catalog (id, stamp) values (1, 0);
end $$`;
