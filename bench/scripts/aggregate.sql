SELECT count(*) FROM (SELECT g, count(*), sum(k), avg(id), min(t) FROM big GROUP BY g) x;
