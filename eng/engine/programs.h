/*
 * What is put before single files of PostgreSQL's programs, whose calls of fork and of threads are another's then (programs.c, parallel.c).
 */
#ifdef FORK_LOG_STREAMER		/* pg_basebackup.c: the child calls one function and exits with its result */
#include <sys/types.h>
#include <unistd.h>
extern pid_t fork_call(int (*function) (void *), void *argument);
#define fork() fork_call((int (*) (void *)) LogStreamerMain, param)
#endif

#ifdef HOST_THREADS				/* pgbench.c */
#include <pthread.h>
extern int	thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function) (void *), void *argument);
extern int	thread_join(pthread_t thread, void **result);
extern int	thread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attributes, unsigned count);
extern int	thread_barrier_wait(pthread_barrier_t *barrier);
#define pthread_create thread_create
#define pthread_join thread_join
#define pthread_barrier_init thread_barrier_init
#define pthread_barrier_wait thread_barrier_wait
#endif
