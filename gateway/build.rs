//! The page is compiled into the program: a new file of it is a reason to build again.

fn main() {
    println!("cargo::rerun-if-changed=../public");
}
