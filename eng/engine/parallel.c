/*
 * PostgreSQL's src/bin/pg_dump/parallel.c, whose fork() is one for a child that begins with a function (programs.c): what the worker does there before
 * RunWorker is done here.
 */
#include "postgres_fe.h"
#include "parallel.h"
#include <unistd.h>

static pid_t fork_worker(ArchiveHandle *archive, ParallelState *state, ParallelSlot *slot);

#define fork() fork_worker(AH, pstate, slot)
#include POSTGRESQL_PARALLEL

extern pid_t fork_call(int (*function) (void *), void *argument);

typedef struct
{
	ArchiveHandle *archive;
	ParallelState *state;
	ParallelSlot *slot;
} worker;

static int
run_worker(void *argument)
{
	worker	   *w = argument;

	w->slot->pid = getpid();
	signal_info.am_worker = true;
	/* the leader's ends of the pipes, to this worker and to those before it */
	for (ParallelSlot *s = w->state->parallelSlot; s <= w->slot; s++)
	{
		close(s->pipeRead);
		close(s->pipeWrite);
	}
	RunWorker(w->archive, w->slot);
	return 0;
}

static pid_t
fork_worker(ArchiveHandle *archive, ParallelState *state, ParallelSlot *slot)
{
	worker		w = {archive, state, slot};

	return fork_call(run_worker, &w);
}
