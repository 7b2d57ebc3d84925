/* Before each C++ file of an extension that throws. Only where a file has a longjmp, the compiler has its calls look for one and pass it on; without, an ERROR of PostgreSQL that comes through
   a frame with a destructor or a catch clause would be a normal return to it. */
#ifdef __cplusplus
#include <setjmp.h>
extern "C" inline __attribute__((used, visibility("hidden"))) void pocket_longjmp(jmp_buf to) { longjmp(to, 1); }
#endif
