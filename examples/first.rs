use std::sync::Arc;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let all = std::env::args().nth(2).is_some();
    let bytes = std::fs::read(&path).unwrap();
    let loaded = kafkasim::scenario::load::load(&bytes, &path, &|_| Err("no".into()), &Default::default());
    let loaded = match loaded { Ok(l) => l, Err(e) => { for d in e { println!("{d:?}"); } return; } };
    for run in &loaded.runs {
        println!("== {:?}", run.variant);
        let setup = kafkasim::scenario::compile::compile(&run.scenario);
        let mut sim = kafkasim::sim::Sim::new(Arc::new(setup));
        let mut n = 0;
        let end = sim.run(&mut |s| { n += 1; if all { println!("{} n{} {:?} {:?}", s.at, s.who.0, s.id.0, s.fact); } });
        println!("{n} facts, {end:?}");
    }
}
