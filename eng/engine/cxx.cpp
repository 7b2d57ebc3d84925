// What ICU needs of the C++ library and does not find in its headers. A process of the kernel has one thread and nothing throws: locks are
// free, and who would wait for another thread would wait for ever.
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <typeinfo>

extern "C" void __cxa_pure_virtual() { abort(); }
extern "C" void __cxa_deleted_virtual() { abort(); }
extern "C" void __abort_message(const char *, ...) { abort(); } // of newer versions of the library

// The initialization of a local static: the guard's first byte tells that it is done.
extern "C" int __cxa_guard_acquire(char *guard) { return !*guard; }
extern "C" void __cxa_guard_release(char *guard) { *guard = 1; }
extern "C" void __cxa_guard_abort(char *) {}

void operator delete(void *p) noexcept { free(p); }
void operator delete(void *p, std::size_t) noexcept { free(p); }

namespace std { type_info::~type_info() {} }

_LIBCPP_BEGIN_NAMESPACE_STD

mutex::~mutex() noexcept {}
void mutex::lock() {}
bool mutex::try_lock() noexcept { return true; }
void mutex::unlock() noexcept {}

condition_variable::~condition_variable() {}
void condition_variable::wait(unique_lock<mutex> &) noexcept { abort(); }
void condition_variable::notify_all() noexcept {}

void __call_once(volatile once_flag::_State_type &flag, void *argument, void (*function)(void *))
{
	function(argument);
	flag = ~once_flag::_State_type(0);
}

_LIBCPP_END_NAMESPACE_STD
