create extension dict_xsyn;
create text search dictionary d (template = xsyn_template, rules = 'xsyn_sample', keeporig = true, matchorig = true, keepsynonyms = true, matchsynonyms = true);
select ts_lexize('xsyn', 'supernova'), ts_lexize('d', 'supernova'), ts_lexize('d', 'sn'), ts_lexize('d', 'grb');
alter text search dictionary d (keeporig = false, matchsynonyms = false);
select ts_lexize('d', 'supernova'), ts_lexize('d', 'sn');
