\set id random(1, 1000)
SELECT doc->'tags'->>1, doc #>> '{address,city}' FROM documents WHERE doc @> jsonb_build_object('id', :id);
