//! The noxs page: the guest's side of its control channel, see `docs/noxs.md`.
//!
//! The page stands in the boot slot other guests find their XenStore ring in. One event
//! channel serves everything; words in the page say who rang.

use crate::event::{self, Port};
use crate::grant::Grants;
use crate::hooks::{self, Hooks};
use crate::info::BootInfo;
use crate::shared::SharedPage;
use crate::{Clock, bare, shared_info};
use core::fmt;

