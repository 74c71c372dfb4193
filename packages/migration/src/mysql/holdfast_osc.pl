# Loaded by pt-online-schema-change (--plugin). It copies and nothing else: Holdfast compares, cuts over and cleans up.
#   DIR/pause   the copy rests, looked for before each chunk
# It ends at once on a signal, when whoever started it is gone, and when a connection is lost: by then the names
# that the tool would clean up may be somebody else's. Each of its connections holds a named lock, so that it can be found.
package pt_online_schema_change_plugin;
use strict;
use warnings FATAL => 'all';
use POSIX ();
use Time::HiRes ();

my $signal = '';

sub say_ { my ($what, %with) = @_; local $| = 1; print "HOLDFAST $what", (map { " $_=$with{$_}" } sort keys %with), "\n"; }

sub new {
   my ($class, %args) = @_;
   my $dir = $ENV{HOLDFAST_OSC_DIR} or die "HOLDFAST_OSC_DIR is not set\n";
   die "this version of pt-online-schema-change is not known: it has no NibbleIterator::_next_boundaries\n"
      unless NibbleIterator->can('_next_boundaries') && Cxn->can('connect');
   my $self = bless { %args, dir => $dir, parent => getppid() }, $class;
   for my $name (qw(TERM INT HUP)) { $SIG{$name} = sub { $signal ||= $name }; }
   $SIG{PIPE} = 'IGNORE';
   my $number = 0;
   for my $cxn ( grep { $_ } @{$self}{qw(cxn aux_cxn)} ) {
      my ($got) = $cxn->dbh->selectrow_array('SELECT GET_LOCK(?, 5)', undef, "$ENV{HOLDFAST_OSC_TOKEN} " . $number++);
      $self->stop('taken') unless $got;
   }
   my $next = \&NibbleIterator::_next_boundaries;
   no warnings 'redefine';
   *NibbleIterator::_next_boundaries = sub { $self->rest; goto &$next; };
   *Cxn::connect = sub { my $dbh = $_[0]->{dbh}; return $dbh if $dbh && $dbh->ping; $self->stop('connection') };
   # Nobody connects any more, so nobody needs the password.
   unlink "$dir/client.cnf";
   say_('connected');
   return $self;
}

sub after_create_new_table { my ($self, %args) = @_; say_('shadow', name => $args{new_tbl}{tbl}); $self->stop_asked; }
sub after_create_triggers { my ($self) = @_; say_('triggers'); $self->stop_asked; }
sub before_swap_tables { my ($self) = @_; say_('copied'); $self->stop_asked; }

sub rest {
   my ($self) = @_;
   my $looks = 0;
   $self->stop_asked;
   while ( -e "$self->{dir}/pause" ) {
      say_('resting') unless $looks;
      # A connection that was lost stays lost: somebody may have taken over.
      $self->stop('connection') if $looks++ % 25 == 0 && grep { $_ && !$_->dbh->ping } @{$self}{qw(cxn aux_cxn)};
      Time::HiRes::sleep(0.2);
      $self->stop_asked;
   }
   say_('going on') if $looks;
}

sub stop_asked {
   my ($self) = @_;
   return $self->stop("SIG$signal") if $signal;
   return $self->stop('orphan') if getppid() != $self->{parent};
}

sub stop { my ($self, $why) = @_; say_('stopped', why => $why); POSIX::_exit(75); }

1;
