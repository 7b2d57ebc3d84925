# Makes emscripten's sysroot/include from its sources, as its own installer does. sysroot.sh SYSTEM OUT VERSION
set -euo pipefail
system="$1" out="$2/include"
mkdir -p "$out/c++/v1"
for from in include lib/compiler-rt/include lib/libunwind/include lib/libc/musl/arch/generic lib/libc/musl/arch/emscripten lib/libc/musl/include; do
    [[ ! -d "$system/$from" ]] || cp -r "$system/$from/." "$out/"
done
for from in lib/libcxx/include lib/libcxxabi/include; do cp -r "$system/$from/." "$out/c++/v1/"; done
# As glibc's: PostgreSQL reads its caches of catalogs by stdio, in every process, and limits fields of dictionaries by it (libc.mk has the same).
sed -i 's/^#define BUFSIZ 1024$/#define BUFSIZ 8192/' "$out/stdio.h"
grep -q '^#define BUFSIZ 8192$' "$out/stdio.h"
IFS=.+- read -r major minor tiny _ <<<"$3"
printf '#define __EMSCRIPTEN_major__ %s\n#define __EMSCRIPTEN_minor__ %s\n#define __EMSCRIPTEN_tiny__ %s\n' "$major" "$minor" "$tiny" >"$out/emscripten/version.h"
