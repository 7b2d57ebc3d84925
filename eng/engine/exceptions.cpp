// C++ exceptions, as far as a module does them by itself: objects, catch clauses, lifetimes, in the place of libcxxabi's cxa_exception.cpp and cxa_personality.cpp. The compiler's
// scheme is emscripten's (-enable-emscripten-cxx-exceptions): calls that may throw go through imports invoke_*; behind each, __THREW__ tells whether something arrived, and
// __cxa_find_matching_catch_N says what it is. Only unwinding is the host's: pocket_throw_exception (src/Pocketgres.Kernel/Syscalls/ExceptionCalls.cs).
//
// What follows is one process' and one thread's, so nothing is locked. Each module has its own copy: of the exceptions that it has caught. One that another module threw has the same header.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>

using std::size_t;
namespace __cxxabiv1 { struct __cxa_exception; }

extern "C" {
[[noreturn]] __attribute__((import_module("env"), import_name("pocket_throw_exception"))) void pocket_throw_exception(void *exception, const char *type, const char *what);
__attribute__((import_module("env"), import_name("pocket_thrown_exception"))) void *pocket_thrown_exception(void);
void setTempRet0(int);
int __cxa_atexit(void (*)(void *), void *, void *);
int __cxa_can_catch(const std::type_info *clause, const std::type_info *thrown, void **object); // private_typeinfo.cpp
[[noreturn]] void abort_message(const char *, ...);
}

namespace {

// Before the thrown object, whose address is what unwinds. An exception_ptr that is thrown again is a header without an object, which refers to the object's.
struct alignas(16) Header {
	size_t references;
	const std::type_info *type;
	void *(*destructor)(void *); // returns its argument
	Header *original;	     // of an exception_ptr thrown again
	Header *next;		     // of those that are being handled
	int handlers;		     // negative: and it has been thrown again
	void *adjusted;		     // what the catch clause refers to
};
static_assert(sizeof(Header) % 16 == 0);

Header *handled;
int uncaught;

Header *header(void *exception) { return static_cast<Header *>(exception) - 1; }
void *object(Header *h) { return (h->original ? h->original : h) + 1; }

const char *what(Header *h)
{
	void *adjusted = object(h);
	return __cxa_can_catch(&typeid(std::exception), h->type, &adjusted) ? static_cast<std::exception *>(adjusted)->what() : nullptr;
}

[[noreturn]] void raise(Header *h) { pocket_throw_exception(h + 1, h->type->name(), what(h)); }

Header *allocate(size_t size)
{
	size = (sizeof(Header) + size + 15) & ~size_t(15);
	auto *h = static_cast<Header *>(std::aligned_alloc(16, size));
	if (!h)
		std::terminate();
	std::memset(static_cast<void *>(h), 0, size);
	return h;
}

// Found where an exception arrives: the clause that takes it, or 0. A clause that is null takes all.
void *arrived(const std::type_info *const *clauses, int count)
{
	void *exception = pocket_thrown_exception();
	Header *h = header(exception);
	for (int i = 0; i < count; i++)
	{
		h->adjusted = object(h);
		if (!clauses[i] || __cxa_can_catch(clauses[i], h->type, &h->adjusted))
		{
			setTempRet0(int(reinterpret_cast<std::intptr_t>(clauses[i])));
			return exception;
		}
	}
	setTempRet0(0);
	return exception;
}

[[noreturn]] void terminating()
{
	if (!handled)
		abort_message("terminating");
	const char *says = what(handled);
	abort_message("terminating due to an uncaught C++ exception of type %s%s%s", handled->type->name(), says ? ": " : "", says ? says : "");
}

[[maybe_unused]] const auto before = std::set_terminate(terminating);

} // namespace

extern "C" {

void *__cxa_allocate_exception(size_t size) noexcept { return allocate(size) + 1; }
void __cxa_free_exception(void *exception) noexcept { std::free(header(exception)); }
void __cxa_increment_exception_refcount(void *exception) noexcept
{
	if (exception)
		header(exception)->references++;
}
void __cxa_decrement_exception_refcount(void *exception) noexcept
{
	if (!exception || --header(exception)->references != 0)
		return;
	if (header(exception)->destructor)
		header(exception)->destructor(exception);
	__cxa_free_exception(exception);
}

__cxxabiv1::__cxa_exception *__cxa_init_primary_exception(void *exception, std::type_info *type, void *(*destructor)(void *)) noexcept
{
	Header *h = header(exception);
	h->type = type;
	h->destructor = destructor;
	return reinterpret_cast<__cxxabiv1::__cxa_exception *>(h);
}

[[noreturn]] void __cxa_throw(void *exception, std::type_info *type, void *(*destructor)(void *))
{
	__cxa_init_primary_exception(exception, type, destructor);
	header(exception)->references = 1;
	uncaught++;
	raise(header(exception));
}

[[noreturn]] void __cxa_rethrow()
{
	Header *h = handled;
	if (!h)
		std::terminate();
	h->handlers = -h->handlers;
	uncaught++;
	raise(h);
}

// Of a std::exception_ptr, which shares the object
void __cxa_rethrow_primary_exception(void *exception)
{
	if (!exception)
		return;
	Header *h = allocate(0);
	h->references = 1;
	h->original = header(exception);
	h->type = h->original->type;
	__cxa_increment_exception_refcount(exception);
	uncaught++;
	raise(h);
}

void *__cxa_current_primary_exception() noexcept
{
	if (!handled)
		return nullptr;
	__cxa_increment_exception_refcount(object(handled));
	return object(handled);
}

[[noreturn]] void __resumeException(void *exception) { raise(header(exception)); }

void *__cxa_begin_catch(void *exception) noexcept
{
	Header *h = header(exception);
	h->handlers = h->handlers < 0 ? -h->handlers + 1 : h->handlers + 1;
	if (h != handled)
	{
		h->next = handled;
		handled = h;
	}
	uncaught--;
	return h->adjusted;
}

void __cxa_end_catch()
{
	Header *h = handled;
	if (h->handlers < 0)
	{
		if (++h->handlers == 0)
			handled = h->next; // it is under way again, and caught elsewhere
		return;
	}
	if (--h->handlers != 0)
		return;
	handled = h->next;
	if (Header *original = h->original)
	{
		std::free(h);
		h = original;
	}
	__cxa_decrement_exception_refcount(h + 1);
}

void *__cxa_get_exception_ptr(void *exception) noexcept { return header(exception)->adjusted; }
int __cxa_uncaught_exceptions() noexcept { return uncaught; }
bool __cxa_uncaught_exception() noexcept { return uncaught != 0; }
void __cxa_call_unexpected(void *) { std::terminate(); }
int llvm_eh_typeid_for(void *type) { return int(reinterpret_cast<std::intptr_t>(type)); }
int __gxx_personality_v0(int, int, unsigned long long, void *, void *) { abort(); } // named by the compiler, never called

typedef const std::type_info *T;
void *__cxa_find_matching_catch_2() { return arrived(nullptr, 0); }
#define FIND(n, parameters, ...) \
	void *__cxa_find_matching_catch_##n parameters { T clauses[] = {__VA_ARGS__}; return arrived(clauses, n - 2); }
FIND(3, (T a), a)
FIND(4, (T a, T b), a, b)
FIND(5, (T a, T b, T c), a, b, c)
FIND(6, (T a, T b, T c, T d), a, b, c, d)
FIND(7, (T a, T b, T c, T d, T e), a, b, c, d, e)
FIND(8, (T a, T b, T c, T d, T e, T f), a, b, c, d, e, f)
FIND(9, (T a, T b, T c, T d, T e, T f, T g), a, b, c, d, e, f, g)
FIND(10, (T a, T b, T c, T d, T e, T f, T g, T h), a, b, c, d, e, f, g, h)
FIND(11, (T a, T b, T c, T d, T e, T f, T g, T h, T i), a, b, c, d, e, f, g, h, i)
FIND(12, (T a, T b, T c, T d, T e, T f, T g, T h, T i, T j), a, b, c, d, e, f, g, h, i, j)
FIND(13, (T a, T b, T c, T d, T e, T f, T g, T h, T i, T j, T k), a, b, c, d, e, f, g, h, i, j, k)
FIND(14, (T a, T b, T c, T d, T e, T f, T g, T h, T i, T j, T k, T l), a, b, c, d, e, f, g, h, i, j, k, l)
#undef FIND

// ---- what else the compiler calls ----

// The initialization of a local static: the guard's first byte tells that it is done.
int __cxa_guard_acquire(char *guard) { return !*guard; }
void __cxa_guard_release(char *guard) { *guard = 1; }
void __cxa_guard_abort(char *) {}
int __cxa_thread_atexit(void (*destructor)(void *), void *argument, void *library) { return __cxa_atexit(destructor, argument, library); }

} // extern "C"
