from shop.cart import Cart

cart = Cart()
cart.add("apple", 3)
cart.add("pear")
print(f"{cart.total() / 100:.2f}")
