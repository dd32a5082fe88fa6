//! Why rows disagree: every kind of cause is found where it is planted, and none where there is none.

mod noise;
mod planted;
mod rows;
mod table;
mod told;
