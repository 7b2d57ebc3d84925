/*
 * The names by which libpq's archive and the client programs call functions of PostgreSQL's common library that libpq.so exports:
 * libpgcommon.a has them with "_private" at the end. For the programs, which have libpq's archive and libpgcommon.a in one.
 */
extern int	pg_char_to_encoding_private(const char *name);
extern const char *pg_encoding_to_char_private(int encoding);
extern int	pg_valid_server_encoding_private(const char *name);
extern int	pg_valid_server_encoding_id_private(int encoding);
extern int	pg_utf_mblen_private(const unsigned char *s);

int pg_char_to_encoding(const char *name) { return pg_char_to_encoding_private(name); }
const char *pg_encoding_to_char(int encoding) { return pg_encoding_to_char_private(encoding); }
int pg_valid_server_encoding(const char *name) { return pg_valid_server_encoding_private(name); }
int pg_valid_server_encoding_id(int encoding) { return pg_valid_server_encoding_id_private(encoding); }
int pg_utf_mblen(const unsigned char *s) { return pg_utf_mblen_private(s); }
