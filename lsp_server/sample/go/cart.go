package cart

type Item struct {
	Name   string
	Price  int
	Amount int
}

func Total(items []Item) int {
	sum := 0
	for _, item := range items {
		
	}
	return sum
}
