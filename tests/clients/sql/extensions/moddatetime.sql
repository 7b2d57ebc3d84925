create extension moddatetime;
create table mdt (id int, idesc text, moddate timestamp default '2000-01-01');
create trigger mdt_moddatetime before update on mdt for each row execute function moddatetime(moddate);
insert into mdt values (1, 'first');
select moddate from mdt;
update mdt set idesc = 'x';
select moddate > now() - interval '1 hour' from mdt;
create trigger bad before update on mdt for each row execute function moddatetime(idesc);
update mdt set idesc = 'y';
