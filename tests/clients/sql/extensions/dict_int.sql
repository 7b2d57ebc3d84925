create extension dict_int;
create text search configuration c (copy = simple);
create text search dictionary d (template = intdict_template, maxlen = 5, rejectlong = false);
select ts_lexize('intdict', '12345678'), ts_lexize('d', '1234567'), ts_lexize('d', '-12');
alter text search dictionary d (rejectlong = true, absval = true);
select ts_lexize('d', '1234567'), ts_lexize('d', '-123');
alter text search configuration c alter mapping for int, uint with d;
select to_tsvector('c', 'the number 123 and -77 but 123456789');
alter text search dictionary d (maxlen = 0);
