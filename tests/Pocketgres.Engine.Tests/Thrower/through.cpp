#include <string>

extern "C" void select_it(const char *query);

namespace {
std::string trace;
struct Traced {
	const char *name;
	~Traced() { trace += name; }
};
} // namespace

// An ERROR passes: neither clause nor destructor sees it.
extern "C" const char *through(const char *query)
{
	trace.clear();
	try
	{
		Traced traced{"destroyed"};
		select_it(query);
	}
	catch (...) { trace += "caught"; }
	return trace.c_str();
}
