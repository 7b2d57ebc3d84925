/*
 * What PostgreSQL's programs need beside the C library: children that begin with a function, and threads. Kept in an archive, of which a program takes
 * what it uses.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/types.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(name)))

/* ---- fork(2) for a child that calls one function and exits with its result; see fork in port.c ---- */

IMPORT("pocket_fork") int sys_fork(void (*entry) (void *), void *argument);

typedef struct
{
	int			(*function) (void *);
	void	   *argument;
} call;

static void
run_child(void *argument)
{
	call	   *c = argument;

	exit(c->function(c->argument));
}

pid_t
fork_call(int (*function) (void *), void *argument)
{
	call		c = {function, argument};
	int			pid = sys_fork(run_child, &c);

	if (pid >= 0)
		return pid;
	errno = -pid;
	return -1;
}

/* ---- threads: one of them runs at a time, and another one when it waits in the kernel, so that nothing of the C library need be locked ---- */

/*
 * Starts a thread of this process: it calls entry(argument), with its stack in linear memory below the given address, and ends when that returns.
 * Returns 0 or a negated errno.
 */
IMPORT("pocket_thread") int sys_thread(void (*entry) (void *), void *argument, void *stack);

#define STACK_SIZE (1 << 20)

typedef struct
{
	void	   *(*function) (void *);
	void	   *argument;
	void	   *result;
	volatile int ended;
	_Alignas(16) char stack[STACK_SIZE];
} thread;

static void
run_thread(void *argument)
{
	thread	   *t = argument;

	t->result = t->function(t->argument);
	t->ended = 1;
	__builtin_wasm_memory_atomic_notify((int *) &t->ended, 1);
}

int
thread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*function) (void *), void *argument)
{
	thread	   *t = aligned_alloc(16, sizeof *t);
	int			error;

	if (!t)
		return EAGAIN;
	t->function = function;
	t->argument = argument;
	t->ended = 0;
	error = -sys_thread(run_thread, t, t->stack + STACK_SIZE);
	if (error)
		free(t);
	else
		*id = (pthread_t) t;
	return error;
}

int
thread_join(pthread_t id, void **result)
{
	thread	   *t = (thread *) id;

	while (!t->ended)
		__builtin_wasm_memory_atomic_wait32((int *) &t->ended, 0, -1);
	if (result)
		*result = t->result;
	free(t);					/* the thread does not run any more: it would have to run for this one to wait no longer */
	return 0;
}

typedef struct
{
	int			count;
	int			arrived;
	volatile int round;
} barrier;

_Static_assert(sizeof(barrier) <= sizeof(pthread_barrier_t), "a barrier fits in pthread_barrier_t");

int
thread_barrier_init(pthread_barrier_t *p, const pthread_barrierattr_t *attributes, unsigned count)
{
	*(barrier *) p = (barrier) {count, 0, 0};
	return count ? 0 : EINVAL;
}

int
thread_barrier_wait(pthread_barrier_t *p)
{
	barrier    *b = (barrier *) p;
	int			round = b->round;

	if (++b->arrived == b->count)
	{
		b->arrived = 0;
		b->round++;
		__builtin_wasm_memory_atomic_notify((int *) &b->round, -1);
		return PTHREAD_BARRIER_SERIAL_THREAD;
	}
	while (b->round == round)
		__builtin_wasm_memory_atomic_wait32((int *) &b->round, round, -1);
	return 0;
}
