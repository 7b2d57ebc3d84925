/* Included before each file of the engine. Barriers that cost nothing where the host's loads and stores are ordered (x64): the host
   answers these imports with what keeps its compiler from moving accesses across them, in place of the full fence of atomic.fence. */
#ifndef POCKETGRES_PORT_H
#define POCKETGRES_PORT_H
#ifdef __wasm__
__attribute__((import_module("env"), import_name("pocket_read_barrier"))) void pocket_read_barrier(void);
__attribute__((import_module("env"), import_name("pocket_write_barrier"))) void pocket_write_barrier(void);
#define pg_read_barrier_impl() pocket_read_barrier()
#define pg_write_barrier_impl() pocket_write_barrier()
#endif
#endif
