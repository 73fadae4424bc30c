/* A library whose calls are counted: -DNAME=first takes the name of its functions. Two of them have
 * the same bytes but for names, so that one can be mapped where the other was. */
#define JOIN(a, b)     a##b
#define FUNCTION(a, b) JOIN(a, b)
#define BEGIN          FUNCTION(NAME, _begin)
#define OUTER          FUNCTION(NAME, _outer)
#define INNER          FUNCTION(NAME, _inner)

long INNER(long x);
long OUTER(long x);
void BEGIN(void);

static volatile long begun;

__attribute__((noipa)) long INNER(long x)
{
    return x + begun;
}

__attribute__((noipa)) long OUTER(long x)
{
    return INNER(x) + INNER(x + 1);
}

__attribute__((noipa, constructor)) void BEGIN(void)
{
    begun++;
}
