/*
 * The calls of tcop/postgres.c for statements and plans that server.c passes on. postgres.c is compiled with this before it, and with
 * STATEMENT_CALLS, by which it makes them under these names.
 */
#include "postgres.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

extern List *statement_parse(const char *text, RawParseMode mode);
extern Query *statement_analyze(RawStmt *tree, const char *text, const Oid *types, int count, QueryEnvironment *environment);
extern Query *statement_analyze_parameters(RawStmt *tree, const char *text, Oid **types, int *count, QueryEnvironment *environment);
extern List *statement_rewrite(Query *query);
extern MemoryContext statement_context(MemoryContext parent, const char *name, Size minimum, Size initial, Size maximum);
extern CachedPlanSource *statement_create(struct RawStmt *tree, const char *text, CommandTag tag);
extern void statement_complete(CachedPlanSource *source, List *queries, MemoryContext context, Oid *types, int count, ParserSetupHook setup,
							   void *argument, int options, bool fixed_result);
extern void statement_save(CachedPlanSource *source);
extern void statement_drop(CachedPlanSource *source);
extern CachedPlan *statement_plan(CachedPlanSource *source, ParamListInfo parameters, ResourceOwner owner, QueryEnvironment *environment);
extern List *statement_columns(CachedPlanSource *source, QueryEnvironment *environment);
extern void statement_define(Portal portal, const char *name, const char *text, CommandTag tag, List *statements, CachedPlan *plan);
extern void statement_start(Portal portal, ParamListInfo parameters, int flags, Snapshot snapshot);

#ifdef STATEMENT_CALLS
#define raw_parser statement_parse
#define parse_analyze_fixedparams statement_analyze
#define parse_analyze_varparams statement_analyze_parameters
#define QueryRewrite statement_rewrite
#define AllocSetContextCreateInternal statement_context
#define CreateCachedPlan statement_create
#define CompleteCachedPlan statement_complete
#define SaveCachedPlan statement_save
#define DropCachedPlan statement_drop
#define GetCachedPlan statement_plan
#define CachedPlanGetTargetList statement_columns
#define PortalDefineQuery statement_define
#define PortalStart statement_start
#endif
