// What the tests of C++ exceptions throw and catch (CppExceptionTests).
#include <cstdio>
#include <cstring>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>

extern "C" int through_setjmp(void (*what)(void));

namespace {
std::string trace;
struct Traced {
	const char *name;
	~Traced() { trace += name; }
};
struct Base { virtual ~Base() {} int id = 7; };
struct Other { virtual ~Other() {} };
struct Derived : Other, Base {};

void deep(int level)
{
	Traced traced{level % 2 ? "1" : "0"};
	if (level == 0)
		throw std::runtime_error("from below");
	deep(level - 1);
}
void fail() { throw std::out_of_range("through C"); }
void throw_pointer() { static Derived d; throw &d; }

std::string answer(const std::string &kind)
{
	if (kind == "destructors")
	{
		try { deep(4); }
		catch (const std::exception &e) { return trace + " " + e.what(); }
	}
	if (kind == "rethrow")
	{
		try {
			try { deep(0); }
			catch (const std::runtime_error &) { trace += "a"; throw; }
		}
		catch (const std::logic_error &) { trace += "wrong"; }
		catch (const std::exception &e) { return trace + " " + e.what(); }
	}
	if (kind == "nested")
	{
		try { deep(0); }
		catch (const std::exception &outer)
		{
			try { throw std::logic_error("inner"); }
			catch (const std::exception &inner) { return std::string(outer.what()) + " " + inner.what(); }
		}
	}
	if (kind == "any")
	{
		try { throw 42; }
		catch (const char *) { return "wrong"; }
		catch (...) { return std::to_string(std::uncaught_exceptions()); }
	}
	if (kind == "int")
	{
		try { throw 42; }
		catch (int i) { return std::to_string(i); }
	}
	if (kind == "base")
	{
		try { throw Derived(); }
		catch (const Base &b) { return std::to_string(b.id); }
	}
	if (kind == "pointer")
	{
		try { throw_pointer(); }
		catch (const Base *b) { return std::to_string(b->id); }
	}
	if (kind == "kept")
	{
		std::exception_ptr kept;
		try { deep(1); }
		catch (...) { kept = std::current_exception(); }
		try { std::rethrow_exception(kept); }
		catch (const std::exception &e) { return trace + " " + e.what(); }
	}
	if (kind == "through C")
	{
		try { Traced t{"t"}; through_setjmp(fail); return "wrong"; }
		catch (const std::out_of_range &e) { return trace + " " + e.what(); }
	}
	if (kind == "cast")
	{
		Other other;
		try { (void)dynamic_cast<Base &>(other); }
		catch (const std::bad_cast &e) { return e.what(); }
	}
	if (kind == "library")
	{
		std::ostringstream out;
		out << 1.5 << ' ' << 42;
		try { (void)std::stoi("x"); }
		catch (const std::invalid_argument &e) { out << ' ' << e.what(); }
		try { (void)std::string("ab").at(5); }
		catch (const std::out_of_range &) { out << " range"; }
		return out.str();
	}
	if (kind == "error")
		deep(2);
	return "unknown";
}
} // namespace

extern "C" const char *run(const char *kind, char *error, size_t size)
{
	static std::string result;
	trace.clear();
	try { result = answer(std::string(kind)); }
	catch (const std::exception &e) { std::snprintf(error, size, "%s", e.what()); }
	return result.c_str();
}

extern "C" void throw_it() { throw std::runtime_error("nobody catches this"); }
