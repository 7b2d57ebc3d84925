/* For the files of the C library that make stdio's buffers (libc.mk). */
#include <stdio.h>
#undef BUFSIZ
#define BUFSIZ 8192
