create extension fuzzystrmatch;
select soundex('hello world!'), soundex('Anne'), soundex('Ann'), difference('Anne', 'Andrew'), difference('Anne', 'Margaret');
select levenshtein('GUMBO', 'GAMBOL'), levenshtein('GUMBO', 'GAMBOL', 2, 1, 1), levenshtein_less_equal('extensive', 'exhaustive', 2), levenshtein_less_equal('extensive', 'exhaustive', 4), levenshtein('größe', 'grosse');
select metaphone('GUMBO', 4), metaphone('Thompson', 4), dmetaphone('gumbo'), dmetaphone('Thompson'), dmetaphone_alt('Schmidt'), dmetaphone('Ångström');
select daitch_mokotoff('George'), daitch_mokotoff('John'), daitch_mokotoff('Ceniow'), daitch_mokotoff('Mannheim'), daitch_mokotoff('Schwarzenegger');
select metaphone(repeat('x', 300), 4);
select levenshtein(repeat('a', 300), 'a');
