//! Connections that break all the time.

use std::{sync::Arc, time::Instant};

use rand::{SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use super::client::{Chat, Cuts, END, Sent};
use crate::harness::app::{Options, Storage, TestApp, amount, setting};

/// Resuming goes to the other server each time, where there are two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_again_and_again_gets_every_message_once_and_in_order() {
    let seed = setting("TEST_SEED").map_or(20_261_121, |seed| seed.parse().expect("a number"));
    let (subscribers, senders, each) = (amount(12, 50), amount(12, 50), amount(30, 40));
    // A connection lives for at most so many messages.
    let life = amount(80, 400);
    let storage = Arc::new(Storage::new().await);
    let mut servers = vec![TestApp::on(storage.clone(), Options::default()).await];
    if storage.is_shared() {
        servers.push(TestApp::on(storage.clone(), Options::default()).await);
    }
    let app = &servers[0];
    let site = app.site("acme").await;
    let visitor = app.visitor(&site).await;
    let conversation = app.conversation(&visitor).await;
    let agents = [site.admin.token.clone(), app.agent(&site, "ada").await.token];
    let nodes: Vec<_> = servers.iter().map(|server| server.address).collect();
    let chat = Chat::new(nodes, &visitor.token, &conversation);

    let begun = Instant::now();
    let mut followers = JoinSet::new();
    for number in 0..subscribers {
        let cuts = Cuts::Within(life, StdRng::seed_from_u64(seed + number as u64));
        followers.spawn(chat.with_token(&agents[number % agents.len()]).follow(number, cuts));
    }
    let mut sending = JoinSet::new();
    for number in 0..senders {
        sending.spawn(chat.clone().send_all(format!("sender {number}"), move |sent| sent < each));
    }
    let mut sent = Sent::join(sending.join_all().await);
    let sending = begun.elapsed();
    sent.log.insert(chat.send(0, END).await.0, END.to_owned());
    assert_eq!(sent.log.len(), senders * each + 1);
    let mut connections = 0;
    for seen in followers.join_all().await {
        seen.assert_is(&sent.log);
        connections += seen.connections;
    }
    assert!(connections > 2 * subscribers, "hardly anybody was cut off: {connections}");
    eprintln!(
        "seed {seed} (TEST_SEED): {subscribers} subscribers, {} messages, {connections} connections on {} servers, \
         sent in {sending:.1?}, everything there after {:.1?}",
        sent.log.len(),
        servers.len(),
        begun.elapsed()
    );
}
