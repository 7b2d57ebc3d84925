\set n random(1, 1000)
SELECT id, ts_rank(words, q) FROM documents, to_tsquery('simple', 'w' || :n || ' & common') q WHERE words @@ q ORDER BY 2 DESC LIMIT 10;
