/*
 * What is for the server program only. First what concerns the postmaster's fork. The linker's --wrap puts __wrap_postmaster_child_launch in place
 * of PostgreSQL's function of that name; the child calls PostgreSQL's own function again with the same arguments (they and all they point to are
 * in the copied memory) and takes its branch of fork_process() == 0. See pocket_fork_from in port.c.
 */
#include "postgres.h"

#include <sys/time.h>

#include "libpq/libpq-be.h"
#include "postmaster/postmaster.h"
#include "statements.h"
#include "utils/syscache.h"

extern void pocket_fork_from(void (*again) (void *), void *argument);
extern pid_t __real_postmaster_child_launch(BackendType child_type, int child_slot, void *startup_data, size_t startup_data_len,
											ClientSocket *client_sock);
extern pid_t __wrap_postmaster_child_launch(BackendType child_type, int child_slot, void *startup_data, size_t startup_data_len,
											ClientSocket *client_sock);
extern void __real_InitCatalogCache(void);
extern void __wrap_InitCatalogCache(void);

/*
 * Makes the catalog caches, empty, once in a process and its children: the postmaster does so before its first fork. They are hash tables of
 * 160 KB, and a session writes to about half of their pages.
 */
void
__wrap_InitCatalogCache(void)
{
	static bool made = false;

	if (!made)
		__real_InitCatalogCache();
	made = true;
}

typedef struct
{
	BackendType child_type;
	int			child_slot;
	void	   *startup_data;
	size_t		startup_data_len;
	ClientSocket *client_sock;
} ChildArguments;

static void
launch_again(void *argument)
{
	ChildArguments *a = argument;

	__real_postmaster_child_launch(a->child_type, a->child_slot, a->startup_data, a->startup_data_len, a->client_sock);
}

pid_t
__wrap_postmaster_child_launch(BackendType child_type, int child_slot, void *startup_data, size_t startup_data_len,
							   ClientSocket *client_sock)
{
	ChildArguments a = {child_type, child_slot, startup_data, startup_data_len, client_sock};
	pid_t		pid;

	InitCatalogCache();
	pocket_fork_from(launch_again, &a);
	pid = __real_postmaster_child_launch(child_type, child_slot, startup_data, startup_data_len, client_sock);
	pocket_fork_from(NULL, NULL);
	return pid;
}

/*
 * Calls of tcop/postgres.c by names of their own (statements.h), so that a host which keeps statements can stand in for them there and nowhere
 * else. PostgresMain catches errors by sigsetjmp, so its calls are indirect and could not be told apart otherwise.
 */
List	   *statement_parse(const char *text, RawParseMode mode) { return raw_parser(text, mode); }

Query *
statement_analyze(RawStmt *tree, const char *text, const Oid *types, int count, QueryEnvironment *environment)
{
	return parse_analyze_fixedparams(tree, text, types, count, environment);
}

Query *
statement_analyze_parameters(RawStmt *tree, const char *text, Oid **types, int *count, QueryEnvironment *environment)
{
	return parse_analyze_varparams(tree, text, types, count, environment);
}

List *statement_rewrite(Query *query) { return QueryRewrite(query); }

MemoryContext
statement_context(MemoryContext parent, const char *name, Size minimum, Size initial, Size maximum)
{
	return AllocSetContextCreateInternal(parent, name, minimum, initial, maximum);
}

CachedPlanSource *
statement_create(struct RawStmt *tree, const char *text, CommandTag tag)
{
	return CreateCachedPlan(tree, text, tag);
}

void
statement_complete(CachedPlanSource *source, List *queries, MemoryContext context, Oid *types, int count, ParserSetupHook setup, void *argument,
				   int options, bool fixed_result)
{
	CompleteCachedPlan(source, queries, context, types, count, setup, argument, options, fixed_result);
}

void statement_save(CachedPlanSource *source) { SaveCachedPlan(source); }
void statement_drop(CachedPlanSource *source) { DropCachedPlan(source); }

CachedPlan *
statement_plan(CachedPlanSource *source, ParamListInfo parameters, ResourceOwner owner, QueryEnvironment *environment)
{
	return GetCachedPlan(source, parameters, owner, environment);
}

List *statement_columns(CachedPlanSource *source, QueryEnvironment *environment) { return CachedPlanGetTargetList(source, environment); }

void
statement_define(Portal portal, const char *name, const char *text, CommandTag tag, List *statements, CachedPlan *plan)
{
	PortalDefineQuery(portal, name, text, tag, statements, plan);
}

void statement_start(Portal portal, ParamListInfo parameters, int flags, Snapshot snapshot) { PortalStart(portal, parameters, flags, snapshot); }

/* ---- timeouts (utils/misc/timeout.c) ---- */

__attribute__((import_module("env"), import_name("_setitimer_js"))) int sys_setitimer(int which, double milliseconds);

/*
 * setitimer(2), for one expiry. The C library's own divides microseconds by 1000 without a fraction: of less than a millisecond it makes 0, which disarms the
 * timer, and the timeout is lost.
 */
int
__wrap_setitimer(int which, const struct itimerval *timer, struct itimerval *old)
{
	int			error;

	if (old || timer->it_interval.tv_sec || timer->it_interval.tv_usec)
		error = EINVAL;
	else
		error = -sys_setitimer(which, timer->it_value.tv_sec * 1000.0 + timer->it_value.tv_usec / 1000.0);
	if (error)
		errno = error;
	return error ? -1 : 0;
}
