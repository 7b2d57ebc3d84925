\set k random(1, 1000000)
INSERT INTO inserted (k, t) VALUES (:k, 'a row of ordinary length, of text');
