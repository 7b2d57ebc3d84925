create extension pg_hashids;
select id_encode(1001), id_encode(1234567, 'This is my salt'), id_encode(1234567, 'This is my salt', 10), id_decode(id_encode(1234567, 'This is my salt'), 'This is my salt'), id_decode_once(id_encode(42));
