create extension insert_username;
create table username_test (name text, username text not null);
create trigger insert_usernames before insert or update on username_test for each row execute function insert_username(username);
insert into username_test values ('nothing', ''), ('null', null), ('other', 'smith');
select * from username_test;
