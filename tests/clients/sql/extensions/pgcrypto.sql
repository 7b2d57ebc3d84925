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

-- A key pair made for this test. Encrypting needs random numbers of libcrypto's.
select dearmor($$
-----BEGIN PGP PUBLIC KEY BLOCK-----

mI0EawVsSgEEANA+clRy+wow9xfUacnPKeXJf0xBokefSReofAgsOw7KdIYw/Q88
fq23MzL87WaqhXTpNMWkruMlHIA0gd6UA5LV9iD2NEyeestNGN7iDe8w7sqx7OoR
tc8Ilf0IQaQr352/7zeJ2orvqc1TQEPbQyjRI95xNSCJfB/vn9qK1bxNABEBAAG0
AVSIzgQTAQoAOBYhBPA06+ZXvkxQDEET8JmucRWyhYSEBQJrBWxKAhsDBQsJCAcC
BhUKCQgLAgQWAgMBAh4BAheAAAoJEJmucRWyhYSE0rMEAK4qtovLeNl77QagEUWu
P80fN6Ct3+oIMXwI9VGB/hyuLk4fS1ZGHLwH89QMaNxMYMDTOXDMHaSfMsfMoGOe
QdGFTPvWlfk54AE6JnPXIu4F68WsAV4PVGS5+1SuJEaSqTMcs5ERF1r7Aq37IoDJ
QJQnmO4PsROFUs41XFdCsCW+uI0EawVsSgEEAOXlXco1QdSgyk8K+Qe8u76zvlk/
J3Rh/kwmQvEnz6Gie7euWaZWFoXujF+ybhfS+6JF15qvdfWHj9EoSD/l7O0uRHw3
aNHLB75cXhnfskR32hHvht2iIJ+3IoQd1KjmfwS0TM65C56I3OrgxLz4h6dqRLTW
cyAvgQ5ueFFIxKYvABEBAAGItgQYAQoAIBYhBPA06+ZXvkxQDEET8JmucRWyhYSE
BQJrBWxKAhsMAAoJEJmucRWyhYSE5JkD/2eVYZp2nPTVZbRN9N8LL3CNgEH+7pFi
tqIxD5xnw4K+mNDFgMjfmvuyqRFzmggewSRy5d2LWPTj9k2vr2Mq3SCXyUbn31uk
6kXHCFlehsSfY7iZoU270ijD793Djy0PZjDoMaseTf/yITzjIBqkz+07AYr8EZ0H
GUjqA7Hec/09
=VE4c
-----END PGP PUBLIC KEY BLOCK-----
$$) as public_key, dearmor($$
-----BEGIN PGP PRIVATE KEY BLOCK-----

lQHYBGsFbEoBBADQPnJUcvsKMPcX1GnJzynlyX9MQaJHn0kXqHwILDsOynSGMP0P
PH6ttzMy/O1mqoV06TTFpK7jJRyANIHelAOS1fYg9jRMnnrLTRje4g3vMO7Ksezq
EbXPCJX9CEGkK9+dv+83idqK76nNU0BD20Mo0SPecTUgiXwf75/aitW8TQARAQAB
AAP7Bw5yp9dsl8wQd2uAeTDuqcVx7ZbUxaoJW0afi1RaXPYxzCFJVfSWE1NfpgTp
k37IPm2vltntfi9x/4sn8m+gDlBHr1RpIB6PcXF3cw9tMZgyBPGsYPTFcAmd+7dV
cMbjFrRHLqf2R80G9CYJHdRwZsuPkB+xCtQSZBdZjA34vkECANdcZjyVBcZ01jod
PTyA0o85qNv2pOT9sXmTq8VYUyHlIF6bQDi7OU5srpOh7SuLW/Y6Nk1WjT7aX8H0
6eVDUQ0CAPeKPasEHHy3mQlP5TaCw2uom84HQjBkN1/NDNZNkL/BiGAo1NyHEOyh
BAFwiCIwhnRVRls9lvA62QWBvWAcyEECAPCALQSSBMr8Mb3rg6A8cFZcR229YG5w
k4gD7eYi7hJd8GWxM3rI54C3BlYna9g6GX3hlikCXtoj7wKEPs/F8qCbL7QBVIjO
BBMBCgA4FiEE8DTr5le+TFAMQRPwma5xFbKFhIQFAmsFbEoCGwMFCwkIBwIGFQoJ
CAsCBBYCAwECHgECF4AACgkQma5xFbKFhITSswQAriq2i8t42XvtBqARRa4/zR83
oK3f6ggxfAj1UYH+HK4uTh9LVkYcvAfz1Axo3ExgwNM5cMwdpJ8yx8ygY55B0YVM
+9aV+TngATomc9ci7gXrxawBXg9UZLn7VK4kRpKpMxyzkREXWvsCrfsigMlAlCeY
7g+xE4VSzjVcV0KwJb6dAdgEawVsSgEEAOXlXco1QdSgyk8K+Qe8u76zvlk/J3Rh
/kwmQvEnz6Gie7euWaZWFoXujF+ybhfS+6JF15qvdfWHj9EoSD/l7O0uRHw3aNHL
B75cXhnfskR32hHvht2iIJ+3IoQd1KjmfwS0TM65C56I3OrgxLz4h6dqRLTWcyAv
gQ5ueFFIxKYvABEBAAEAA/0SPT3RLqN/6pfSaJT0W7FrglguPXf0YFfsE7cI6fcr
pDf7jS4Yp8jWrGPfrcjVRAxpxe/CmnwZ1D0BQ5hj1WqUCieCBrfhZeLWSbWd++Fm
MUwUNFzlusOxML9Ts7J8O5T/0SgAIV5rks6Eq12I5pfCzwIKuEBq79qea4jrCuuW
UQIA51j4ylAwsXUbowosZpyYTzycj3G7L4mCnAQfa3Ob6cjka0ixTnOelnN7jGji
y0qFepqFYeJ/RQV7024rIxhKfwIA/mTL0NoYL/ztMLqGX7vv6/GNep2PxF/TDwfS
ROtbUUlerv3lqeItCRSN1i7J5enIHg1PUiR/hVmpGUNIcpjsUQH+OJc7LJEhLBJH
HHGvbQsveoYo2ju9qIE3ibN3XhYcST3L4qrn1qlFEI0VroASQhxDxc2Aya2ldbNB
fUjAIf8S46FniLYEGAEKACAWIQTwNOvmV75MUAxBE/CZrnEVsoWEhAUCawVsSgIb
DAAKCRCZrnEVsoWEhOSZA/9nlWGadpz01WW0TfTfCy9wjYBB/u6RYraiMQ+cZ8OC
vpjQxYDI35r7sqkRc5oIHsEkcuXdi1j04/ZNr69jKt0gl8lG599bpOpFxwhZXobE
n2O4maFNu9Iow+/dw48tD2Yw6DGrHk3/8iE84yAapM/tOwGK/BGdBxlI6gOx3nP9
PQ==
=AtQI
-----END PGP PRIVATE KEY BLOCK-----
$$) as secret_key \gset
select pgp_pub_decrypt(pgp_pub_encrypt('for one pair of eyes', :'public_key'::bytea), :'secret_key'::bytea);
select pgp_pub_encrypt('twice', :'public_key'::bytea) = pgp_pub_encrypt('twice', :'public_key'::bytea);
