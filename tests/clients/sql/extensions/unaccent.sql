create extension unaccent;
select unaccent('Hôtel de la Mer — ÆØÅ ßœ ½ ℃'), unaccent('unaccent', 'Ždiaŕ'), ts_lexize('unaccent', 'Hôtel'), ts_lexize('unaccent', 'plain');
create text search configuration fr (copy = french);
alter text search configuration fr alter mapping for hword, hword_part, word with unaccent, french_stem;
select to_tsvector('fr', 'Hôtels de la Mer'), to_tsvector('fr', 'Hôtel') @@ to_tsquery('fr', 'hotels'), ts_headline('fr', 'Hôtel de la Mer', to_tsquery('fr', 'hotel'));
\set VERBOSITY sqlstate
alter text search dictionary unaccent (rules = 'nosuch');
