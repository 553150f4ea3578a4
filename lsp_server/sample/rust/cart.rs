pub struct Item {
    pub name: String,
    pub price: u32,
    pub amount: u32,
}

pub fn total(items: &[Item]) -> u32 {
    let mut sum = 0;
    for item in items {
        
    }
    sum
}
