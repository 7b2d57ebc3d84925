create extension xml2;
create table t (id int primary key, doc text);
insert into t values (1, '<a><b>one</b><c x="1">two</c></a>'), (2, '<a><b>three</b><b>four</b></a>'), (3, '<a><broken>');
select id, xml_valid(doc) from t order by id;
select id, xpath_string(doc, '/a/b'), xpath_number(doc, 'count(/a/b)'), xpath_bool(doc, '/a/c'), xpath_list(doc, '/a/b', ';') from t where id < 3 order by id;
select xpath_nodeset(doc, '/a/b', 'set', 'item') from t where id = 2;
select * from xpath_table('id', 'doc', 't', '/a/b|/a/c/@x', 'id < 3') as (id int, b text, x text) order by 1, 2, 3;
select xslt_process('<a><b>one</b></a>', $$<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="xml" omit-xml-declaration="yes"/><xsl:template match="/a"><c><xsl:value-of select="b"/></c></xsl:template></xsl:stylesheet>$$);
select xml_encode_special_chars('a < b & c');
