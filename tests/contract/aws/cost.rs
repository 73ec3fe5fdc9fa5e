//! What a request costs on AWS: its whole life through the services and the AWS adapters, each call counted, and held
//! against `infra/COST.md`, which is where the figures are read.
//!
//! Functions are warm and nothing is tried again. What each function does between its event and the table is done here
//! by the same code; the bus, the mail and the third parties are stand-ins.

mod life;
mod meter;
mod page;

use marketplace_core::delivery::Transport;

use self::{
    life::{Life, Step},
    page::{Page, SUM, VARIANTS},
};

/// The fan-outs that the page tells of.
const FAN_OUTS: [usize; 2] = [1, 5];

async fn lives(transport: Transport) -> [Vec<Step>; 2] {
    let [one, five] = FAN_OUTS.map(|fan_out| Life::of(transport, fan_out));
    let (one, five) = futures::join!(one, five);
    [one, five]
}

/// Holds a table of the page against what was counted, and the page's units from this column on.
fn compare(heading: &str, counted: &[Vec<Step>; 2], column: usize) {
    let page = Page::read();
    let [one, five] = counted;
    let sums = [Step::sum(one), Step::sum(five)];
    let steps = one.iter().zip(five).map(|(one, five)| Step::cells(one, five));
    let expected: Vec<Vec<String>> = steps.chain([Step::cells(&sums[0], &sums[1])]).collect();
    let lines = |rows: &[Vec<String>]| rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect::<String>();
    assert_eq!(page.table(heading), expected, "\n{heading}, as counted:\n{}", lines(&expected));
    for (sum, column) in sums.iter().zip(column..) {
        for (what, units) in ["write units", "read units", "events on the bus"].into_iter().zip(sum.units()) {
            assert_eq!(page.quantity(what, column), units as f64, "{what}");
        }
    }
}

#[tokio::test]
async fn the_page_tells_what_a_managed_request_is_counted_to_take() {
    compare("Counted, managed transport", &lives(Transport::Managed).await, 0);
}

#[tokio::test]
async fn the_page_tells_what_a_direct_request_is_counted_to_take() {
    compare("Counted, direct transport", &lives(Transport::Direct).await, FAN_OUTS.len());
}

/// Dollars are units times prices, line by line, and the sum is their sum.
#[test]
fn the_pages_dollars_follow_from_its_units_and_prices() {
    let page = Page::read();
    let lines = page.dollar_lines();
    let parts: usize = lines.iter().map(|line| page.parts_of(line).len()).sum();
    assert_eq!(parts, page.units().len(), "every unit is on one line of the bill");
    for column in 0..VARIANTS {
        let mut sum = 0.0;
        for line in &lines {
            let parts = page.parts_of(line);
            let dollars: f64 = parts.iter().map(|what| page.quantity(what, column) * page.price(what)).sum();
            let told = page.dollars(line, column);
            assert!((told - dollars).abs() < 0.051, "{line}: {dollars:.3}, and the page says {told}");
            sum += dollars;
        }
        let told = page.dollars(SUM, column);
        assert!((told - sum).abs() < 0.51, "the sum is {sum:.1}, and the page says {told}");
    }
}
