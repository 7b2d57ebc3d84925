/* Makes a database of SQLite's from a file of SQL, on the machine that builds: make-database DATABASE SQL */
#include <stdio.h>
#include <stdlib.h>
#include "sqlite3.h"

int main(int argc, char **argv)
{
	FILE *in = argc == 3 ? fopen(argv[2], "rb") : NULL;
	sqlite3 *db;
	char *text, *error = NULL;
	long size;

	if (!in || fseek(in, 0, SEEK_END) || (size = ftell(in)) < 0 || fseek(in, 0, SEEK_SET) || !(text = malloc(size + 1)) || fread(text, 1, size, in) != (size_t)size)
	{
		fprintf(stderr, "error: cannot read %s\n", argc == 3 ? argv[2] : "the SQL: usage: make-database DATABASE SQL");
		return 1;
	}
	text[size] = 0;
	if (sqlite3_open(argv[1], &db) != SQLITE_OK || sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK || sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
	{
		fprintf(stderr, "error: %s: %s\n", argv[1], error ? error : sqlite3_errmsg(db));
		return 1;
	}
	return sqlite3_close(db) != SQLITE_OK;
}
