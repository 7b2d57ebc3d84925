/* The SQL functions of the tests of C++ exceptions (CppExceptionTests): C between PostgreSQL and C++. */
#include "postgres.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
PG_MODULE_MAGIC;

extern const char *run(const char *kind, char *error, size_t size);
extern const char *through(const char *query);
extern void throw_it(void);
extern int through_setjmp(void (*what)(void));
extern void select_it(const char *query);

PG_FUNCTION_INFO_V1(thrown);
Datum thrown(PG_FUNCTION_ARGS)
{
	char error[200] = "";
	const char *result = run(text_to_cstring(PG_GETARG_TEXT_PP(0)), error, sizeof error);

	if (error[0])
		ereport(ERROR, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION), errmsg("%s", error));
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

PG_FUNCTION_INFO_V1(through_cpp);
Datum through_cpp(PG_FUNCTION_ARGS) { PG_RETURN_TEXT_P(cstring_to_text(through(text_to_cstring(PG_GETARG_TEXT_PP(0))))); }

PG_FUNCTION_INFO_V1(uncaught);
Datum uncaught(PG_FUNCTION_ARGS) { throw_it(); PG_RETURN_NULL(); }

/* Called by C++, calls C++: its PG_TRY is for ERRORs only. */
int through_setjmp(void (*what)(void))
{
	volatile int caught = 0;

	PG_TRY();
	{
		what();
	}
	PG_CATCH();
	{
		FlushErrorState();
		caught = 1;
	}
	PG_END_TRY();
	return caught;
}

void select_it(const char *query)
{
	SPI_connect();
	SPI_execute(query, true, 1);
	SPI_finish();
}
