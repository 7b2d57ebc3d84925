load 'passwordcheck';
create role pgt_short password 'abc';
create role pgt_same password 'pgt_same12';
create role pgt_letters password 'abcdefghijkl';
create role pgt_good password 'abcdefg12345';
drop role pgt_good;
set passwordcheck.min_password_length = 20;
create role pgt_long password 'abcdefg12345';
