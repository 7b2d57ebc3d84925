create extension pgcrypto;
select encode(digest('abc', a), 'hex') from unnest(array['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']) a;
select encode(hmac('data', 'key', 'sha256'), 'hex'), encode(hmac('data', 'key', 'md5'), 'hex');
select crypt('secret', '$2a$06$RQiOJ.3ELirrXwxIZY8q0O'), crypt('secret', '$1$abcdefgh$'), crypt('secret', 'ab'), crypt('secret', '_J9..rasm'), crypt('secret', '$5$rounds=1000$saltsalt$'), crypt('secret', '$6$rounds=1000$saltsalt$');
select length(gen_salt('bf', 8)), left(gen_salt('bf', 8), 7), left(gen_salt('md5'), 3), length(gen_random_bytes(32)), gen_random_bytes(16) <> gen_random_bytes(16), gen_random_uuid() <> gen_random_uuid();
select crypt('pw', h) = h, crypt('wrong', h) = h from (select crypt('pw', gen_salt('bf', 4)) h) s;
select encode(encrypt('data of 20 bytes....', 'sixteen byte key', 'aes'), 'hex'), convert_from(decrypt(encrypt('data', 'sixteen byte key', 'aes-cbc/pad:pkcs'), 'sixteen byte key', 'aes-cbc/pad:pkcs'), 'UTF8');
select encode(encrypt_iv('data', 'sixteen byte key', '0123456789abcdef', 'aes'), 'hex');
select encode(encrypt('12345678', 'eightkeyeightkeyeightkey', '3des'), 'hex');
select pgp_sym_decrypt(pgp_sym_encrypt('hidden text', 'password'), 'password'), pgp_sym_decrypt(pgp_sym_encrypt('x' || repeat('abc', 500), 'pw', 'compress-algo=1, cipher-algo=aes256'), 'pw') = 'x' || repeat('abc', 500);
select pgp_sym_decrypt(pgp_sym_encrypt('hidden', 'password'), 'wrong');
select pgp_sym_decrypt(dearmor('-----BEGIN PGP MESSAGE-----

ww0EBwMCdxEcnC5UWm1t0joBpDMIbDgGBfHfmwDEKu+VKnsK8Oz6mWSxFb0XK4SbXEXMbLYaXQ6X
6J7QGZBQ
-----END PGP MESSAGE-----'), 'x');
select armor('abc', array['k'], array['v']), dearmor(armor('abc')), pgp_armor_headers(armor('abc', array['k'], array['v'])), pgp_key_id(pgp_sym_encrypt('a', 'b'));
select digest('abc', 'nosuch');
select encrypt('data', 'key', 'nosuch');
select fips_mode();
