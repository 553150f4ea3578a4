#include <stddef.h>

struct item {
    const char *name;
    int price;
    int amount;
};

int total(const struct item *items, size_t count) {
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        
    }
    return sum;
}
