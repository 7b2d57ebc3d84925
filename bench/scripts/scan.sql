SELECT count(*) FROM big WHERE t LIKE '%abc%';
